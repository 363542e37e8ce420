/**
 * How the numbered weight types of GGUF are laid out in bytes: `[id, name, weights per block, bytes per block]`.
 * From the type table of ggml (llama.cpp v0.4.0). A file that names another type was written for a newer library.
 */
const layouts = [
  [0, 'F32', 1, 4],
  [1, 'F16', 1, 2],
  [2, 'Q4_0', 32, 18],
  [3, 'Q4_1', 32, 20],
  [6, 'Q5_0', 32, 22],
  [7, 'Q5_1', 32, 24],
  [8, 'Q8_0', 32, 34],
  [9, 'Q8_1', 32, 40],
  [10, 'Q2_K', 256, 84],
  [11, 'Q3_K', 256, 110],
  [12, 'Q4_K', 256, 144],
  [13, 'Q5_K', 256, 176],
  [14, 'Q6_K', 256, 210],
  [15, 'Q8_K', 256, 292],
  [16, 'IQ2_XXS', 256, 66],
  [17, 'IQ2_XS', 256, 74],
  [18, 'IQ3_XXS', 256, 98],
  [19, 'IQ1_S', 256, 50],
  [20, 'IQ4_NL', 32, 18],
  [21, 'IQ3_S', 256, 110],
  [22, 'IQ2_S', 256, 82],
  [23, 'IQ4_XS', 256, 136],
  [24, 'I8', 1, 1],
  [25, 'I16', 1, 2],
  [26, 'I32', 1, 4],
  [27, 'I64', 1, 8],
  [28, 'F64', 1, 8],
  [29, 'IQ1_M', 256, 56],
  [30, 'BF16', 1, 2],
  [34, 'TQ1_0', 256, 54],
  [35, 'TQ2_0', 256, 66],
  [39, 'MXFP4', 32, 17],
  [40, 'NVFP4', 64, 36],
  [41, 'Q1_0', 128, 18],
  [42, 'Q2_0', 64, 18],
] as const;

export interface WeightLayout {
  readonly id: number;
  readonly name: string;
  readonly weightsPerBlock: number;
  readonly bytesPerBlock: number;
}

const byId: ReadonlyMap<number, WeightLayout> = new Map(
  layouts.map(([id, name, weightsPerBlock, bytesPerBlock]) => [id, { id, name, weightsPerBlock, bytesPerBlock }]),
);

/** The layout of a weight type, or undefined for a type this version does not know. */
export function weightLayout(id: number): WeightLayout | undefined {
  return byId.get(id);
}

/** Ids of the types that millrace writes itself. */
export const f32Type = 0;
export const f16Type = 1;
export const q8Type = 8;
