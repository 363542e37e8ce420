import koffi from 'koffi';
import type { Pointer } from './layout.ts';

/**
 * Memory outside of every JavaScript heap: both threads of the child reach it by its address, nothing is copied between them, and it
 * is free at once when it is freed. Whoever holds an address is told by its protocol until when.
 */
export interface NativeMemory {
  allocate(bytes: number): Pointer;
  /** The bytes at an address; not to be touched once they are freed. */
  view(address: Pointer, bytes: number): Uint8Array;
  free(address: Pointer): void;
}

export const nativeMemory: NativeMemory = {
  allocate: (bytes) => koffi.alloc('uint8_t', bytes) as Pointer,
  view: (address, bytes) => new Uint8Array(koffi.view(address, bytes)),
  free: (address) => koffi.free(address),
};
