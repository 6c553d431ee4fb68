package prox_spark;

import java.util.Arrays;

/**
 * The places of one chunk's text that its normalizes replace, in order: bytes of the text as it was, so that no
 * operation finds what an earlier one wrote. What prox_spark.program.normalize does with placeholders.
 */
final class Places {
  static final int NOT_FOUND = -1, INSIDE_WORD = -2, TOO_MANY = -3;

  private final byte[] text;
  private final int start, end;
  private int[] froms = {}, tos = {};
  private byte[][] targets = {};
  private int count;

  Places(byte[] text, int start, int end) {
    this.text = text;
    this.start = start;
    this.end = end;
  }

  int start() {
    return start;
  }

  int count() {
    return count;
  }

  int from(int place) {
    return froms[place];
  }

  int to(int place) {
    return tos[place];
  }

  byte[] target(int place) {
    return targets[place];
  }

  /** Replaces a string between the places that are there, as whole words; gives how often, or why not at all. */
  int replace(byte[] source, byte[] target, long maxMatches) {
    Found found = new Found(source);
    for (int place = 0; place <= count; place++) {
      found.between(place == 0 ? start : tos[place - 1], place == count ? end : froms[place]);
    }
    if (found.count == 0) {
      return found.candidates ? INSIDE_WORD : NOT_FOUND;
    }
    if (found.count > maxMatches) {
      return TOO_MANY;
    }
    merge(found, source.length, target);
    return found.count;
  }

  private void merge(Found found, int length, byte[] target) {
    int[] mergedFroms = new int[count + found.count], mergedTos = new int[count + found.count];
    byte[][] mergedTargets = new byte[count + found.count][];
    for (int place = 0, other = 0, at = 0; at < mergedFroms.length; at++) {
      boolean isFound = place == count || other < found.count && found.places[other] < froms[place];
      mergedFroms[at] = isFound ? found.places[other] : froms[place];
      mergedTos[at] = isFound ? found.places[other++] + length : tos[place];
      mergedTargets[at] = isFound ? target : targets[place++];
    }
    froms = mergedFroms;
    tos = mergedTos;
    targets = mergedTargets;
    count = froms.length;
  }

  /** The places of one string: where it stands and is not a part of a longer word. */
  private final class Found {
    final byte[] source;
    final Search search;
    final boolean startsWord, endsWord;
    int[] places = new int[4];
    int count;
    boolean candidates;

    Found(byte[] source) {
      this.source = source;
      search = new Search(source);
      startsWord = isWord(source, 0, source.length);
      endsWord = isWord(source, Characters.before(source, 0, source.length), source.length);
    }

    void between(int from, int to) {
      int candidateEnd = -1;
      for (int at = search.find(text, from, to); at >= 0; at = search.find(text, candidateEnd, to)) {
        candidates = true;
        int after = at + source.length;
        boolean touchesBefore =
            startsWord && at > from && (at == candidateEnd || isWord(text, Characters.before(text, from, at), at));
        boolean touchesAfter = endsWord && after < to && (isWord(text, after, to) || stands(after, to));
        if (!touchesBefore && !touchesAfter) {
          if (count == places.length) {
            places = Arrays.copyOf(places, 2 * count);
          }
          places[count++] = at;
        }
        candidateEnd = after;
      }
    }

    /** Says whether the string stands at a place: a candidate counts as a part of a word beside another one. */
    private boolean stands(int at, int to) {
      return at + source.length <= to && Arrays.equals(text, at, at + source.length, source, 0, source.length);
    }

    private boolean isWord(byte[] bytes, int at, int limit) {
      return (Characters.kinds(bytes, at, limit) & Characters.WORD) != 0;
    }
  }
}
