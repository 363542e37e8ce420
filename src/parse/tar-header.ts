/** Whether the bytes begin as a tar archive does. */
export function isTar(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.subarray(257, 262)).toString('latin1') === 'ustar' && bytes.subarray(0, 257).includes(0);
}
