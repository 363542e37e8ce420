/**
 * Flags of every Node process that is started here. On x86-64 with memory protection keys V8 keeps a table of its pages of machine code for
 * all threads of a process, and misses entries where several compile and collect code at a time: it ends the process with "Check failed:
 * jit_page.has_value()" (Node.js 22 to 24; github.com/nodejs/node/issues/64500). Reported to help without the keys; seen
 * once with this flag, too.
 */
export const nodeFlags: readonly string[] = process.platform === 'linux' && process.arch === 'x64' ? ['--no-memory-protection-keys'] : [];
