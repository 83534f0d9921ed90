// Biome formats and lints. This finds what it misses: a promise, most of all an activity, that nobody awaits, and a path
// that breaks in a checkout whose own path has a space.
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['node_modules/**', 'drizzle/**'] },
  {
    files: ['**/*.ts'],
    plugins: { '@typescript-eslint': tseslint.plugin },
    languageOptions: { parser: tseslint.parser, parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      'no-restricted-syntax': [
        'error',
        {
          selector:
            "MemberExpression[property.name='pathname'] > NewExpression[callee.name='URL'] MetaProperty",
          message:
            'The pathname of a file URL is percent-encoded: take import.meta.dirname or fileURLToPath.',
        },
      ],
    },
  },
);
