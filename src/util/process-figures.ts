/** Memory in bytes and processor time in ms of this process, its threads included. */
export interface ProcessFigures {
  readonly pid: number;
  readonly userCpuMs: number;
  readonly systemCpuMs: number;
  readonly residentBytes: number;
  readonly heapBytes: number;
  readonly bufferBytes: number;
}

export function readProcessFigures(): ProcessFigures {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, external } = process.memoryUsage();
  return {
    pid: process.pid,
    userCpuMs: user / 1_000,
    systemCpuMs: system / 1_000,
    residentBytes: rss,
    heapBytes: heapUsed,
    bufferBytes: external,
  };
}
