/** A point on the monotonic clock, in ms. `timeoutMs` becomes one at the edge and stays absolute from there on. */
export type Deadline = number;
