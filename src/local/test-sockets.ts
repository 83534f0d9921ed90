import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

const LOOPBACK = /^(0100007F|0{24}0100007F|0{31}1):/;
// A UDP socket that is bound has no state of listening; 07 is what all of them have that are not connected.
const OPEN: Record<string, string> = { tcp: '0A', tcp6: '0A', udp: '07', udp6: '07' };

/** What the process listens on, in hexadecimal as the kernel lists it, and what of it others than this machine reach. */
export function openSockets(pid: number): { readonly all: string[]; readonly reachable: string[] } {
  const inodes = socketInodes(pid);
  const all = Object.entries(OPEN).flatMap(([file, open]) =>
    readFileSync(join('/proc', String(pid), 'net', file), 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , , state, , , , , , inode]) => state === open && inodes.has(inode ?? ''))
      .map(([, address = '']) => address),
  );
  return { all, reachable: all.filter((address) => !LOOPBACK.test(address)) };
}

function socketInodes(pid: number): Set<string> {
  const directory = `/proc/${pid}/fd`;
  const targets = readdirSync(directory).map((fd) => readlinkSync(join(directory, fd)));
  return new Set(targets.map((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? ''));
}
