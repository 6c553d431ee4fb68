package prox_spark;

import org.apache.spark.sql.api.java.UDF2;

/**
 * Counts the words of a text in UTF-8, as prox_spark.program.words does: runs between whitespace, and in strict mode
 * one word for each character of a script without spaces. The classes of characters are written by the build from
 * prox_spark/program/characters.py, so that there is one table of them.
 */
public final class CountWords implements UDF2<byte[], Boolean, Integer> {
  private static final byte WORD = 0, SPACE = 1, UNSPACED = 2;
  private static final byte[] KINDS = new byte[0x110000];

  static {
    mark(Characters.WHITESPACE, SPACE);
    mark(Characters.UNSPACED, UNSPACED);
  }

  private static void mark(int[] ranges, byte kind) {
    for (int pair = 0; pair < ranges.length; pair += 2) {
      java.util.Arrays.fill(KINDS, ranges[pair], ranges[pair + 1] + 1, kind);
    }
  }

  @Override
  public Integer call(byte[] text, Boolean strict) {
    return text == null ? null : count(text, strict);
  }

  static int count(byte[] text, boolean strict) {
    int words = 0;
    byte before = SPACE;
    for (int at = 0; at < text.length; ) {
      int code = text[at];
      int length = 1;
      if (code < 0) {
        length = length(code);
        code = at + length > text.length ? -1 : code & (0x7F >> length);
        for (int next = at + 1; next < at + length && code >= 0; next++) {
          code = code << 6 | text[next] & 0x3F;
        }
      }
      at += length;
      byte kind = code >= 0 && code < KINDS.length ? KINDS[code] : WORD;
      if (kind == UNSPACED && !strict) {
        kind = WORD;
      }
      if (kind == UNSPACED || kind == WORD && before != WORD) {
        words++;
      }
      before = kind;
    }
    return words;
  }

  /** Gives the bytes of a character that starts with a byte beyond ASCII; 1 for a byte that starts none. */
  private static int length(int lead) {
    if ((lead & 0xE0) == 0xC0) {
      return 2;
    }
    if ((lead & 0xF0) == 0xE0) {
      return 3;
    }
    return (lead & 0xF8) == 0xF0 ? 4 : 1;
  }
}
