import { z } from 'zod';

/** LiveKit takes any name; this keeps them readable and, through `{class_id}`, unique. */
export const roomPattern = z
  .string()
  .max(120)
  .regex(
    /^(?:[A-Za-z0-9_-]|\{(?:tenant|session_type|type|class_id|id)\})*$/,
    'may hold letters, digits, - and _ and the places {tenant}, {session_type} and {class_id}',
  )
  .regex(/\{(?:class_id|id)\}/, 'must have the place {class_id}, so that every class has a room of its own');
