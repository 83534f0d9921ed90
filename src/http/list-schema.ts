import { z } from 'zod';

export const listOf = <S extends z.ZodType>(item: S) =>
  z.object({
    items: z.array(item),
    next_cursor: z.string().nullable().meta({ description: 'For the next page; null on the last one' }),
  });
