/** The longest delay of a Node timer, in milliseconds: about 24.8 days. A timer with a longer delay fires after 1 ms. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;
