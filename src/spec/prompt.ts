import { z } from 'zod';

/**
 * A chat prompt whose contents are lists of parts. It is rendered through the model's chat template and tokenised part by part:
 * tokens never merge across a boundary, so a prefix that ends at one has the same tokens in every prompt. Part texts are data:
 * they are tokenised without special tokens and can never become a control token.
 */
export const promptMessage = z.object({
  role: z.enum(['system', 'user', 'assistant']),
  parts: z.array(z.string()).min(1),
});
export type PromptMessage = z.infer<typeof promptMessage>;
export const prompt = z.object({ messages: z.array(promptMessage).min(1) });
export type Prompt = z.infer<typeof prompt>;
