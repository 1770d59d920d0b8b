import { contentKey } from '../../../src/domain/workflow/content-key';

describe('contentKey', () => {
  test('is the same for the same message and content', () => {
    expect(contentKey('42', Buffer.from('a'))).toBe(contentKey('42', Buffer.from('a')));
  });

  test('differs for other content and for other message ids', () => {
    const keys = [
      contentKey('42', Buffer.from('a')),
      contentKey('42', Buffer.from('b')),
      contentKey('43', Buffer.from('a')),
      contentKey('', Buffer.from('42\na')),
    ];
    expect(new Set(keys).size).toBe(4);
  });
});
