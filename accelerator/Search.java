package prox_spark;

/** Finds a string in time linear in the text, whatever both hold (Knuth, Morris and Pratt). */
final class Search {
  private final byte[] wanted;
  private final int[] borders;

  Search(byte[] wanted) {
    this.wanted = wanted;
    borders = new int[wanted.length];
    for (int at = 1, border = 0; at < wanted.length; at++) {
      while (border > 0 && wanted[at] != wanted[border]) {
        border = borders[border - 1];
      }
      border += wanted[at] == wanted[border] ? 1 : 0;
      borders[at] = border;
    }
  }

  /** Gives the first place in a range of the text; -1 where there is none. */
  int find(byte[] text, int from, int to) {
    int matched = 0;
    for (int at = from; at < to; at++) {
      while (matched > 0 && text[at] != wanted[matched]) {
        matched = borders[matched - 1];
      }
      matched += text[at] == wanted[matched] ? 1 : 0;
      if (matched == wanted.length) {
        return at + 1 - matched;
      }
      while (matched == 0 && at + 1 < to && text[at + 1] != wanted[0]) {
        at++;
      }
    }
    return -1;
  }
}
