import { z } from 'zod';

/** How an item of a run settled. */
export const itemStatus = z.enum(['done', 'failed', 'cancelled', 'expired']);
