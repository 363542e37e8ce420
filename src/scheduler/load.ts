import type { WorkClass } from '../spec/engine.ts';
import { classOrder } from './policy.ts';

/** What work of one tenant takes of the time of a lane: pieces, and their sizes (`sizeOf`). */
export interface Part {
  readonly class: WorkClass;
  readonly tenant: string | undefined;
  readonly size: number;
}

/** What has a place in a lane and did not start: work that waits, and work that was promised a place. */
export interface Load {
  add(part: Part): void;
  remove(part: Part): void;
  /** Size of all that goes before new work of this class and tenant: of its own class at most as much for each tenant as for its own. */
  ahead(workClass: WorkClass, tenant: string | undefined): number;
  /** Pieces of a tenant, in all classes. */
  items(tenant: string | undefined): number;
}

interface ClassLoad {
  size: number;
  readonly tenants: Map<string | undefined, { size: number; items: number }>;
}

export function createLoad(): Load {
  const create = (): ClassLoad => ({ size: 0, tenants: new Map() });
  const classes: Record<WorkClass, ClassLoad> = { interactive: create(), batch: create(), background: create() };

  return {
    add({ class: workClass, tenant, size }) {
      const load = classes[workClass];
      const own = load.tenants.get(tenant);
      load.size += size;
      if (own === undefined) load.tenants.set(tenant, { size, items: 1 });
      else {
        own.size += size;
        own.items += 1;
      }
    },
    remove({ class: workClass, tenant, size }) {
      const load = classes[workClass];
      const own = load.tenants.get(tenant);
      if (own === undefined) return;
      own.size -= size;
      own.items -= 1;
      if (own.items === 0) load.tenants.delete(tenant);
      // Sums of fractions do not come back to nought by themselves.
      load.size = load.tenants.size === 0 ? 0 : load.size - size;
    },
    ahead(workClass, tenant) {
      const { size, tenants } = classes[workClass];
      const others = tenants.size - (tenants.has(tenant) ? 1 : 0);
      const stronger = classOrder.slice(0, classOrder.indexOf(workClass)).reduce((sum, other) => sum + classes[other].size, 0);
      const own = tenants.get(tenant)?.size ?? 0;
      return stronger + Math.min(size, own * (others + 1));
    },
    items: (tenant) => classOrder.reduce((sum, workClass) => sum + (classes[workClass].tenants.get(tenant)?.items ?? 0), 0),
  };
}
