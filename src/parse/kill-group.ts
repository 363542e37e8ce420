/** A sandbox that is killed alone, before it has told the system that its command is to end with it, would leave the command behind. */
export function killGroup(leader: number | undefined): void {
  if (leader === undefined || process.platform === 'win32') return;
  try {
    process.kill(-leader, 'SIGKILL');
  } catch (error) {
    // It has ended in this moment; macOS says so with the other one.
    if (!['ESRCH', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}
