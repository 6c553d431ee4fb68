package prox_spark;

import java.util.Arrays;

/** Where the lines of a text start, and how many words are before each; lines end at line feeds and nowhere else. */
final class Lines {
  private int[] starts = new int[64];
  private int[] words = new int[64];
  private int count = 1;

  private Lines() {}

  static Lines of(byte[] text) {
    Lines lines = new Lines();
    lines.end(text.length, Words.count(text, text.length, true, lines));
    lines.count--;
    return lines;
  }

  /** Ends the last line at a line feed; called by Words. */
  void end(int at, int wordsBefore) {
    if (count == starts.length) {
      starts = Arrays.copyOf(starts, 2 * count);
      words = Arrays.copyOf(words, 2 * count);
    }
    starts[count] = at + 1;
    words[count++] = wordsBefore;
  }

  int count() {
    return count;
  }

  int start(int line) {
    return starts[line];
  }

  /** Gives where a line ends, without its line feed. */
  int end(int line) {
    return starts[line + 1] - 1;
  }

  /** Counts the words of the lines `first` to `last`. */
  int words(int first, int last) {
    return words[last + 1] - words[first];
  }
}
