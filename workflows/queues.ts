/** Workflows, and activities that talk only to our own database. */
export const MAIN_QUEUE = 'rollcall';
/** Reads from Google Meet: rate-limited. */
export const MEET_QUEUE = 'rollcall-meet';
/** New Meet spaces: Google allows a hundred a minute. */
export const MEET_SPACES_QUEUE = 'rollcall-meet-spaces';
/** LiveKit: while it hangs, only its own classes wait, not those that need our database or Google's answers. */
export const LIVEKIT_QUEUE = 'rollcall-livekit';
/** Other systems' receivers: while one hangs, no class waits. */
export const WEBHOOK_QUEUE = 'rollcall-webhooks';
