import { MillraceError } from '../errors.ts';
import { type FaultPointName, faultPointNames, type FaultPoints, noFaults } from '../spec/faults.ts';

const variable = 'MILLRACE_FAULT';

interface Fault {
  /** Times that the point is passed before. */
  left: number;
  /** `kill`, or the code of the error to throw. */
  readonly action: string;
}

/**
 * What `MILLRACE_FAULT` asks for: `<point>:<hit>:<action>`, several separated by commas. At its first, second, … hit the point ends the
 * process as kill -9 does (`kill`), or throws an error with that code (`EIO`, `SQLITE_IOERR_FSYNC`, …), once.
 * @throws MillraceError E_CONFIG_INVALID for a value that names no point
 */
export function createFaultPoints(environment: Readonly<Record<string, string | undefined>>): FaultPoints {
  const wanted = environment[variable];
  if (wanted === undefined || wanted === '') return noFaults;
  const faults = new Map<FaultPointName, Fault>();
  for (const one of wanted.split(',')) {
    const [name, hit = '1', action = 'kill'] = one.split(':');
    const known = faultPointNames.find((point) => point === name);
    if (known === undefined || !/^[1-9]\d*$/u.test(hit) || !/^(?:kill|[A-Z][A-Z_0-9]*)$/u.test(action)) {
      throw new MillraceError('E_CONFIG_INVALID', `${variable} asks for "${one}": write <point>:<hit>:<kill or code of an error>.`);
    }
    faults.set(known, { left: Number(hit) - 1, action });
  }
  return {
    reach(name) {
      const fault = faults.get(name);
      if (fault === undefined) return;
      fault.left -= 1;
      if (fault.left >= 0) return;
      faults.delete(name);
      if (fault.action === 'kill') process.kill(process.pid, 'SIGKILL');
      else throw Object.assign(new Error(`${fault.action}: a fault at ${name}`), { code: fault.action });
    },
  };
}
