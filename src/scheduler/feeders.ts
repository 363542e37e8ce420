import { MillraceError } from '../errors.ts';
import type { Room } from './room.ts';

/**
 * Who feeds a lane waits here until there is room instead of being refused: first come first served among those who want the same lanes,
 * all the lanes or none.
 */
export interface Feeders {
  /** Calls `onReady` once all rooms have a place, maybe at once. Returns a function that gives up waiting. */
  wait(feeder: Feeder): () => void;
  /** Lets in whom there is room for. Called whenever there may be more. */
  admit(): void;
  /** Sends away who wants this room. */
  refuse(room: Room, error: MillraceError): void;
  refuseAll(error: MillraceError): void;
}

export interface Feeder {
  readonly needs: readonly { readonly room: Room; readonly bytes: number }[];
  /** There is a place in every room, and it must be taken now. */
  readonly onReady: () => void;
  readonly onRefused: (error: MillraceError) => void;
}

interface Waiting extends Feeder {
  readonly order: number;
}

interface Line {
  readonly rooms: readonly Room[];
  readonly waiting: Set<Waiting>;
}

const maxFeeders = 100_000;

export function createFeeders(): Feeders {
  /** Those who want the same rooms wait in one line; lines go by who came first. */
  const lines: Line[] = [];
  let waitingFeeders = 0;
  let order = 0;

  function lineFor(needs: Feeder['needs']): Line {
    const rooms = needs.map(({ room }) => room);
    const known = lines.find((line) => line.rooms.length === rooms.length && rooms.every((room) => line.rooms.includes(room)));
    if (known !== undefined) return known;
    const line = { rooms, waiting: new Set<Waiting>() };
    lines.push(line);
    return line;
  }

  /** Where one line waits nobody else has to be asked. */
  function admitLine(line: Line): void {
    for (const first of line.waiting) {
      if (!hasRoom(first)) return;
      leave(line, first);
      first.onReady();
    }
  }

  /** Lets in the first of every line that finds room, and says whether one did. Whoever finds none keeps those behind out of its rooms. */
  function admitFirst(): boolean {
    const heads = lines.flatMap((line) => {
      const [first] = line.waiting;
      return first === undefined ? [] : [{ line, first }];
    });
    const blocked = new Set<Room>();
    let any = false;
    for (const { line, first } of heads.toSorted((a, b) => a.first.order - b.first.order)) {
      if (line.rooms.every((room) => !blocked.has(room)) && hasRoom(first)) {
        leave(line, first);
        first.onReady();
        any = true;
      } else for (const room of line.rooms) blocked.add(room);
    }
    return any;
  }

  function leave(line: Line, feeder: Waiting): void {
    if (line.waiting.delete(feeder)) waitingFeeders -= 1;
  }

  function admit(): void {
    if (waitingFeeders === 0) return;
    const [line, other] = lines.filter(({ waiting }) => waiting.size > 0);
    if (line !== undefined && other === undefined) return admitLine(line);
    while (waitingFeeders > 0 && admitFirst());
  }

  function refuseLines(refused: readonly Line[], error: MillraceError): void {
    const feeders = refused.flatMap((line) => [...line.waiting]);
    for (const line of refused) line.waiting.clear();
    waitingFeeders -= feeders.length;
    for (const feeder of feeders) feeder.onRefused(error);
  }

  return {
    wait(feeder) {
      if (waitingFeeders >= maxFeeders) {
        feeder.onRefused(new MillraceError('E_OVERLOADED', `${maxFeeders} feeders already wait.`, { retryAfterMs: 1_000 }));
        return () => undefined;
      }
      const line = lineFor(feeder.needs);
      const waiting: Waiting = { ...feeder, order: (order += 1) };
      line.waiting.add(waiting);
      waitingFeeders += 1;
      admit();
      return () => {
        leave(line, waiting);
        admit();
      };
    },
    admit,
    refuse(room, error) {
      refuseLines(
        lines.filter(({ rooms }) => rooms.includes(room)),
        error,
      );
      admit();
    },
    refuseAll: (error) => refuseLines(lines, error),
  };
}

function hasRoom({ needs }: Feeder): boolean {
  return needs.every(({ room, bytes }) => room.hasPlace(bytes));
}
