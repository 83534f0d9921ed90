/**
 * Which addresses messages may be sent to. An endpoint is named by whoever administers one school, so it must not reach what
 * stands beside our own server (https://owasp.org/www-community/attacks/Server_Side_Request_Forgery).
 */
import dns, { type LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';

/** All that IANA has given out of IPv6 for unicast; `ipaddr.js` calls everything unicast that has no other name. */
const GLOBAL_V6 = ipaddr.IPv6.parseCIDR('2000::/3');

/** Not private, loopback, link-local, shared, multicast, reserved, nor one that stands for an IPv4 address that is so. */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const ip = ipaddr.process(address);
  if (ip.range() !== 'unicast') return false;
  return ip instanceof ipaddr.IPv4 || ip.match(GLOBAL_V6);
}

export class RefusedAddress extends Error {
  readonly code = 'refused_address';
  constructor() {
    super('the address is not a public one');
  }
}

/** As `dns.lookup` with `all`. */
export type ResolveAll = (host: string) => Promise<LookupAddress[]>;
const resolveAll: ResolveAll = (host) => dns.promises.lookup(host, { all: true });

/** Of one installation, read from its environment. */
export interface Reach {
  /** `ROLLCALL_WEBHOOKS_TO_PRIVATE_NETWORKS`: receivers in the school's own network, over http too. */
  toPrivateNetworks: boolean;
  resolve?: ResolveAll;
}

/**
 * The addresses of a host, given as a name or as an address.
 *
 * @throws {RefusedAddress} when one of them is not public; what the name service says when there are none
 */
export async function reachableAddresses(
  host: string,
  { toPrivateNetworks, resolve = resolveAll }: Reach,
): Promise<LookupAddress[]> {
  const family = isIP(host);
  const found = family === 0 ? await resolve(host) : [{ address: host, family }];
  if (!toPrivateNetworks && !found.every(({ address }) => isPublicAddress(address)))
    throw new RefusedAddress();
  return found;
}

/**
 * For `http.request`: asks at the moment of connecting and connects to what was looked at, so a name that is answered
 * differently a second time gains nothing. Node asks it for names only; an address is looked at before.
 */
export function guardedLookup(reach: Reach): LookupFunction {
  return (host, options, done) => {
    reachableAddresses(host, reach).then(
      (found) => {
        const [first] = found;
        if (options.all) done(null, found);
        else if (first) done(null, first.address, first.family);
        else done(new RefusedAddress(), '');
      },
      (error: NodeJS.ErrnoException) => done(error, ''),
    );
  };
}
