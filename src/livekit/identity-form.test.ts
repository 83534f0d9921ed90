import { describe, expect, test } from 'vitest';
import { joinIdentity, readIdentity } from './identity-form.ts';

const ANA = '3f2504e0-4f89-41d3-9a0c-0305e82c3301';
const ours = { identity: ANA, personId: ANA };

describe('an identity', () => {
  test.each([
    ['one device', `${ANA}:web`],
    ['another device', `${ANA}:phone_2`],
    ['a device with a colon', `${ANA}:a:b`],
    ['no device', ANA],
    ['capital letters', `${ANA.toUpperCase()}:web`],
  ])('of ours is the person, with %s', (_which, raw) => {
    expect(readIdentity('rollcall', raw)).toEqual(ours);
    expect(readIdentity('itqan', raw)).toEqual(ours);
  });

  test('is read back as it is written', () => {
    expect(readIdentity('rollcall', joinIdentity(ANA, 'web'))).toEqual(ours);
    expect(joinIdentity(ANA, 'web')).not.toBe(joinIdentity(ANA, 'phone'));
  });

  test.each([
    '42_Ana_Silva',
    'EG_7fZ',
    'ana@school.example:web',
    `${ANA}_Ana_Silva`,
    `${ANA}0:web`,
    `x${ANA}:web`,
    ANA.slice(0, -1),
    '_',
    '',
  ])('that is not ours stands for itself: "%s"', (raw) => {
    expect(readIdentity('rollcall', raw)).toEqual({ identity: raw, personId: null });
  });
});

describe("Itqan's form, where the tenant asks for it", () => {
  test('is the user, whatever the name has become', () => {
    for (const raw of ['42_Ana_Silva', '42_Ana_Costa', '42_', '42_Ana_de_Silva']) {
      expect(readIdentity('itqan', raw)).toEqual({ identity: '42', personId: null });
    }
  });

  test('names the person where the user id is one of ours', () => {
    expect(readIdentity('itqan', `${ANA}_Ana_Silva`)).toEqual(ours);
    expect(readIdentity('itqan', `${ANA.toUpperCase()}_Ana_Silva`)).toEqual(ours);
  });

  test.each(['_Ana_Silva', 'Ana', 'ana:web', 'phone:sip_4930123', `machine:${ANA}`, ''])(
    'is not seen in "%s", which stands for itself',
    (raw) => {
      expect(readIdentity('itqan', raw)).toEqual({ identity: raw, personId: null });
    },
  );
});
