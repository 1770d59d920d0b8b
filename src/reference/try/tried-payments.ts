import type { Payment } from './try-stream';

/** Describes a message that `cloudsync try` sends, and what must become of the message. */
export interface TriedPayment {
  payment: Payment;
  /** Tells a person what is sent. */
  about: string;
  outcome: 'delivered' | 'duplicate' | 'dead-lettered';
  /** Counts attempts at the sink; null if the message must not come to the sink. */
  attempts: number | null;
}

const first: Payment = { id: 'p-1', customer: 'ada@example.com', amount: 12.5 };

/** Lists the messages in the order in which they are sent. The sink of `tryStream` fails as the list says. */
export const TRIED_PAYMENTS: TriedPayment[] = [
  { payment: first, about: 'p-1', outcome: 'delivered', attempts: 1 },
  {
    payment: { id: 'p-2', customer: 'grace@example.com', amount: 80 },
    about: 'p-2, which the sink leaves unanswered twice',
    outcome: 'delivered',
    attempts: 3,
  },
  { payment: first, about: 'p-1 again', outcome: 'duplicate', attempts: null },
  {
    payment: { id: 'p-3', customer: 'alan@example.com', amount: 7.25 },
    about: 'p-3, which the sink takes after a pause of a second',
    outcome: 'delivered',
    attempts: 2,
  },
  {
    payment: { id: 'p-4', customer: 'edsger@example.com', amount: 40 },
    about: 'p-4, of a customer without an account',
    outcome: 'dead-lettered',
    attempts: 1,
  },
];

/** Lists the customers whom the sink knows at first. The customer of the payment that fails is missing. */
export const ACCOUNTS = ['ada@example.com', 'grace@example.com', 'alan@example.com'];
