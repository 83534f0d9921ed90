import { stripVTControlCharacters } from 'node:util';

/** Names come from strangers, and one control character in them would write elsewhere on the terminal. */
export const printable = (text: string): string => stripVTControlCharacters(text).replaceAll(/\p{Cc}/gu, ' ');
