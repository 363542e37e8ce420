import type { MillraceError } from '../errors.ts';
import type { AdmissionRequest, LaneName, Permit, WorkCost } from '../spec/work.ts';
import { completeCost } from './admission.ts';
import type { Feeders } from './feeders.ts';
import { type Applicant, findOverload, type Lane } from './lane.ts';
import { sizeOf } from './policy.ts';
import type { Place } from './room.ts';

/** Places of whole requests: all the lanes that a request passes, or none. */
export interface Permits {
  /**
   * Calls one of the two, once: interactive requests get their answer at once, others when there is room. Returns a function that gives
   * up waiting.
   */
  request(
    request: AdmissionRequest,
    onPermit: (permit: Permit) => void,
    onRefused: (error: MillraceError, lane: LaneName) => void,
  ): () => void;
  /** Work of the request comes to a lane. True when the request was let in there and is not over; its first work takes the place. */
  use(permit: Permit | undefined, lane: LaneName): boolean;
  /**
   * Work of the request has entered a lane that was not there when it was let in, or that it did not name: what it wants there later is no
   * new request either.
   */
  entered(permit: Permit | undefined, lane: LaneName): void;
}

interface Claim extends Applicant {
  readonly lane: Lane;
}

export function createPermits(parts: {
  readonly lanes: ReadonlyMap<LaneName, Lane>;
  readonly feeders: Feeders;
  readonly now: () => number;
  /** There may be more room. */
  readonly onRoom: () => void;
}): Permits {
  const { lanes, feeders, now, onRoom } = parts;
  /** Of the permits that are not released: the lanes they are for, and the places that no work took. */
  const letIn = new WeakMap<Permit, { readonly lanes: Set<LaneName>; readonly kept: Map<LaneName, Place> }>();

  function claimsOf({ class: workClass, tenant, deadline, costs }: AdmissionRequest): Claim[] {
    return Object.entries(costs).flatMap(([name, cost]: [string, WorkCost | undefined]) => {
      const lane = lanes.get(name as LaneName);
      if (lane === undefined || cost === undefined) return [];
      return [{ lane, class: workClass, tenant, deadline, cost: completeCost(cost) }];
    });
  }

  function keepPlaces(claims: readonly Claim[]): Permit {
    const kept = new Map<LaneName, Place>();
    for (const { lane, class: workClass, tenant, cost } of claims) {
      const part = { class: workClass, tenant, size: sizeOf(cost, true) };
      kept.set(lane.definition.name, lane.room.keepPlace(part, cost.bytes));
    }
    const permit: Permit = {
      release() {
        letIn.delete(permit);
        if (kept.size === 0) return;
        for (const place of kept.values()) place.leave();
        kept.clear();
        onRoom();
      },
    };
    letIn.set(permit, { lanes: new Set(kept.keys()), kept });
    return permit;
  }

  return {
    request(request, onPermit, onRefused) {
      const claims = claimsOf(request);
      for (const claim of claims) {
        const refusal =
          request.class === 'interactive' ? findOverload(claim.lane, claim, now()) : claim.lane.circuit?.refusal(request.class);
        if (refusal === undefined) continue;
        onRefused(refusal, claim.lane.definition.name);
        return () => undefined;
      }
      if (request.class === 'interactive' || claims.length === 0) {
        onPermit(keepPlaces(claims));
        return () => undefined;
      }
      return feeders.wait({
        needs: claims.map(({ lane, cost }) => ({ room: lane.room, bytes: cost.bytes })),
        onReady: () => onPermit(keepPlaces(claims)),
        onRefused: (error) => onRefused(error, claims[0]?.lane.definition.name ?? 'generate'),
      });
    },
    use(permit, lane) {
      const request = permit === undefined ? undefined : letIn.get(permit);
      if (request?.lanes.has(lane) !== true) return false;
      request.kept.get(lane)?.leave();
      request.kept.delete(lane);
      return true;
    },
    entered(permit, lane) {
      if (permit !== undefined) letIn.get(permit)?.lanes.add(lane);
    },
  };
}
