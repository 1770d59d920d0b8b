import type { ReplayFilters } from '../../domain/stream/replay';

/** Which letters these filters choose, in words. */
export function describeFilters(
  filters: ReplayFilters,
  /** The errors of groups, by id. */
  groupNames: Record<string, string> = {},
): string {
  const { places, errorTypes, groups, messageIds, since, until, text, limit } = filters;
  const parts = [
    places?.length && `at ${places.slice(0, 20).join(', ')}${places.length > 20 ? ', …' : ''}`,
    errorTypes && `of type ${errorTypes.join(', ')}`,
    groups && `of group ${groups.map((id) => groupNames[id] ?? id).join(', ')}`,
    messageIds && `of message ${messageIds.join(', ')}`,
    since && `failed since ${since}`,
    until && `failed until ${until}`,
    text && `with the text ${JSON.stringify(text)}`,
    limit !== undefined && `at most ${limit}`,
  ].filter(Boolean);
  return parts.length === 0 ? 'all letters' : `letters ${parts.join(', ')}`;
}
