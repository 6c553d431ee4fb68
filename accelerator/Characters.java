package prox_spark;

/** What kinds of characters there are, in UTF-8; the ranges are written by the build from program/characters.py. */
final class Characters {
  static final byte WHITESPACE = 1, UNSPACED = 2, WORD = 4, RESERVED = 8;
  private static final byte[] KINDS = new byte[0x110000];

  static {
    mark(Tables.WHITESPACE, WHITESPACE);
    mark(Tables.UNSPACED, UNSPACED);
    mark(Tables.WORD, WORD);
    mark(Tables.RESERVED, RESERVED);
  }

  private Characters() {}

  private static void mark(int[] ranges, byte kind) {
    for (int pair = 0; pair < ranges.length; pair += 2) {
      for (int code = ranges[pair]; code <= ranges[pair + 1]; code++) {
        KINDS[code] |= kind;
      }
    }
  }

  /** Gives the kinds of the character that starts at a place; none for bytes that are no character. */
  static byte kinds(byte[] text, int at, int end) {
    int code = text[at];
    if (code >= 0) {
      return KINDS[code];
    }
    int length = length(text, at, end);
    if (length == 1 || length != expected(code)) {
      return 0;
    }
    code &= 0x7F >> length;
    for (int next = at + 1; next < at + length; next++) {
      code = code << 6 | text[next] & 0x3F;
    }
    return code < KINDS.length ? KINDS[code] : 0;
  }

  /** Gives how many bytes the character that starts at a place has; broken ones end where their bytes do. */
  static int length(byte[] text, int at, int end) {
    int last = Math.min(end, at + expected(text[at]));
    int next = at + 1;
    while (next < last && continues(text[next])) {
      next++;
    }
    return next - at;
  }

  /** Gives where the character before a place starts. */
  static int before(byte[] text, int start, int at) {
    int place = at - 1;
    while (place > start && place > at - 4 && continues(text[place])) {
      place--;
    }
    return place;
  }

  /** Counts characters. */
  static int count(byte[] text) {
    int characters = 0;
    for (byte one : text) {
      characters += continues(one) ? 0 : 1;
    }
    return characters;
  }

  /** Says whether a range holds a reserved character. */
  static boolean holdsReserved(byte[] text, int from, int to) {
    for (int at = from; at < to; at++) {
      if (text[at] < 0 && (kinds(text, at, to) & RESERVED) != 0) { // none of them is ASCII
        return true;
      }
    }
    return false;
  }

  private static boolean continues(byte one) {
    return (one & 0xC0) == 0x80;
  }

  private static int expected(int lead) {
    if ((lead & 0xE0) == 0xC0) {
      return 2;
    }
    if ((lead & 0xF0) == 0xE0) {
      return 3;
    }
    return (lead & 0xF8) == 0xF0 ? 4 : 1;
  }
}
