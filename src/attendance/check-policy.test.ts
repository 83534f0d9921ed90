import { expect, test } from 'vitest';
import { checkPolicyDefinition } from './check-policy.ts';

test.each(['itqan', 'astegni', 'musa'])(
  '%s is a preset, which holds since ever, and nobody redefines it',
  (name) => {
    const definition = { name, preset: 'musa' as const, effective_from: '2026-01-01' };
    expect(checkPolicyDefinition(definition)).toEqual([
      { field: 'name', message: expect.stringContaining(`such as "${name}-2"`) },
    ]);
    expect(checkPolicyDefinition({ ...definition, name: `${name}-2` })).toEqual([]);
  },
);
