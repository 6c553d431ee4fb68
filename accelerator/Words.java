package prox_spark;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Counts words as prox_spark.program.words does: runs between whitespace, and in strict mode one word for each
 * character of a script without spaces.
 *
 * <p>Eight bytes of ASCII are looked at together, as the eight lanes of one number: the highest bit of a lane says
 * whether its byte is whitespace, a line feed, or the start of a word. Other bytes are decoded one character at a time.
 */
final class Words {
  private static final VarHandle EIGHT =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
  private static final long ONES = 0x0101010101010101L, HIGH = 0x80 * ONES, LOW = 0x7F * ONES;

  private Words() {}

  static int count(byte[] text, boolean strict) {
    return count(text, text.length, strict, null);
  }

  /** Counts up to a place; `lines`, unless null, is told where each line ends and how many words are before. */
  static int count(byte[] text, int end, boolean strict, Lines lines) {
    int words = 0;
    long before = HIGH; // the highest bit says whether a word can start here: after whitespace, at the start
    for (int at = 0; at < end; ) {
      long lanes = at + 8 <= end ? (long) EIGHT.get(text, at) : HIGH;
      int bits = Long.numberOfTrailingZeros(lanes & HIGH) & ~7; // of the lanes before the first that is not ASCII
      if (bits == 0) {
        byte kinds = Characters.kinds(text, at, end);
        boolean space = (kinds & Characters.WHITESPACE) != 0;
        boolean single = strict && (kinds & Characters.UNSPACED) != 0;
        words += single || !space && before < 0 ? 1 : 0;
        if (lines != null && text[at] == '\n') {
          lines.end(at, words);
        }
        before = space || single ? HIGH : 0;
        at += Characters.length(text, at, end);
        continue;
      }
      long spaces = atLeast(lanes, 9) & ~atLeast(lanes, 14) | atLeast(lanes, 28) & ~atLeast(lanes, 33);
      long ascii = HIGH >>> 64 - bits;
      long starts = ~spaces & (spaces << 8 | before >>> 56) & ascii;
      if (lines != null) {
        for (long feeds = ~((lanes ^ '\n' * ONES) + LOW) & ascii; feeds != 0; feeds &= feeds - 1) {
          int lane = Long.numberOfTrailingZeros(feeds);
          lines.end(at + (lane >> 3), words + Long.bitCount(starts & (1L << lane) - 1));
        }
      }
      words += Long.bitCount(starts);
      before = spaces << 64 - bits;
      at += bits >> 3;
    }
    return words;
  }

  /** Marks the lanes whose byte, one of ASCII, is at least `least`. */
  private static long atLeast(long lanes, int least) {
    return lanes + (0x80 - least) * ONES & HIGH;
  }
}
