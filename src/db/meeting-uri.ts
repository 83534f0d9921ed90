/** The link under which people join the space of a meeting code. */
export const meetingUriOf = (meetingCode: string | null): string | null =>
  meetingCode === null ? null : `https://meet.google.com/${meetingCode}`;
