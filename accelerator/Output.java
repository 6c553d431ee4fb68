package prox_spark;

import java.util.Arrays;
import org.apache.spark.unsafe.types.UTF8String;

/** A text while it is put together: the lines that stay, with their replacements, in order. */
final class Output {
  private final byte[] text;
  private final Places[] replaced;
  private final byte[] out;
  private int size;
  private boolean hasLines;
  private int chunk, place; // the next replacement

  Output(byte[] text, Places[] replaced) {
    this.text = text;
    this.replaced = replaced;
    long most = text.length;
    for (Places places : replaced) {
      for (int one = 0; one < places.count(); one++) {
        most += Math.max(0, places.target(one).length - (places.to(one) - places.from(one)));
      }
    }
    out = new byte[Math.toIntExact(most)];
  }

  /** Keeps the lines `first` to `last`, if there are any. */
  void keep(Lines lines, int first, int last) {
    if (first > last) {
      return;
    }
    if (hasLines) {
      out[size++] = '\n';
    }
    hasLines = true;
    int at = lines.start(first), end = lines.end(last);
    for (; chunk < replaced.length; chunk++, place = 0) {
      Places places = replaced[chunk];
      for (; place < places.count(); place++) {
        if (places.from(place) >= end) {
          copy(text, at, end);
          return;
        }
        if (places.from(place) >= at) { // not inside a line that was removed
          copy(text, at, places.from(place));
          copy(places.target(place), 0, places.target(place).length);
          at = places.to(place);
        }
      }
    }
    copy(text, at, end);
  }

  private void copy(byte[] from, int start, int end) {
    System.arraycopy(from, start, out, size, end - start);
    size += end - start;
  }

  boolean equalTo(byte[] other) {
    return Arrays.equals(out, 0, size, other, 0, other.length);
  }

  UTF8String text() {
    return UTF8String.fromBytes(out, 0, size);
  }

  int words() {
    return Words.count(out, size, true, null);
  }
}
