package prox_spark;

import java.util.Arrays;
import java.util.Comparator;
import org.apache.spark.unsafe.types.UTF8String;

/** What strict execution makes of a text: the same as prox_spark.program.execute.execute_operations, byte for byte. */
final class Document {
  UTF8String text, outcome, reason;
  long wordsBefore, wordsAfter;

  private Document(UTF8String text) {
    this.text = text;
  }

  /** Keeps or drops by the verdict alone; an answer that is not exactly one of them keeps the document. */
  static Document answered(UTF8String text, Chunk[] chunks, long knownWords) {
    Document document = new Document(text);
    boolean keeps = false, drops = false;
    for (Chunk chunk : chunks) {
      keeps |= chunk.keeps();
      drops |= chunk.drops();
    }
    for (Chunk chunk : chunks) {
      for (Operation operation : chunk.operations) {
        operation.applied = true;
        if (!operation.keeps() && !(operation.drops() && !keeps)) {
          operation.reject(operation.drops() ? Names.CONTRADICTION : Names.WRONG_LEVEL);
        }
      }
    }
    document.wordsBefore = knownWords >= 0 ? knownWords : Words.count(text.getBytes(), true);
    document.wordsAfter = document.wordsBefore;
    document.outcome = Names.KEPT;
    document.reason = keeps && !drops ? null : Names.UNKNOWN_ANSWER;
    if (drops && !keeps) {
      document.drop(Names.DROP_DOC);
    }
    return document;
  }

  /** Executes each chunk's program inside its own lines, then decides what becomes of the document. */
  static Document edited(UTF8String given, Chunk[] chunks, long knownWords, Policy policy) {
    Document document = new Document(given);
    boolean needsLines = false;
    for (Chunk chunk : chunks) {
      needsLines |= chunk.needsLines();
    }
    boolean untouched = !needsLines && knownWords >= 0;
    byte[] text = untouched ? null : given.getBytes(); // a text that only stays is not even copied
    Lines lines = needsLines ? Lines.of(text) : null;
    for (Chunk chunk : chunks) {
      chunk.judge(text, lines, policy);
    }
    if (knownWords >= 0) {
      document.wordsBefore = knownWords;
    } else {
      document.wordsBefore = needsLines ? lines.words(0, lines.count() - 1) : Words.count(text, true);
    }
    document.wordsAfter = document.wordsBefore;
    if (needsLines) {
      document.edit(text, lines, chunks);
    }
    document.decide(chunks, given, policy);
    return document;
  }

  private void edit(byte[] whole, Lines lines, Chunk[] chunks) {
    long[] ranges = ranges(chunks);
    Places[] replaced = replaced(chunks);
    if (ranges.length == 0 && replaced.length == 0) {
      return;
    }
    Output output = new Output(whole, replaced);
    int next = 0, removedWords = 0;
    for (long range : ranges) {
      int first = (int) (range >>> 32), last = (int) range;
      output.keep(lines, next, first - 1);
      if (last >= next) {
        removedWords += lines.words(Math.max(first, next), last);
        next = last + 1;
      }
    }
    output.keep(lines, next, lines.count() - 1);
    if (!output.equalTo(whole)) {
      text = output.text();
      wordsAfter = replaced.length == 0 ? wordsBefore - removedWords : output.words();
    }
  }

  /** Gives the removed ranges in order, each as its first line in the upper and its last in the lower half. */
  private static long[] ranges(Chunk[] chunks) {
    int count = 0;
    long[] ranges = new long[16];
    for (Chunk chunk : chunks) {
      for (Operation operation : chunk.operations) {
        if (operation.removes() && operation.applied) {
          ranges = count < ranges.length ? ranges : Arrays.copyOf(ranges, 2 * count);
          ranges[count++] = (long) operation.lineStart << 32 | chunk.lastRemoved(operation);
        }
      }
    }
    Arrays.sort(ranges, 0, count);
    return Arrays.copyOf(ranges, count);
  }

  private static Places[] replaced(Chunk[] chunks) {
    return Arrays.stream(chunks)
        .map(Chunk::places)
        .filter(places -> places != null && places.count() > 0)
        .sorted(Comparator.comparingInt(Places::start))
        .toArray(Places[]::new);
  }

  private void decide(Chunk[] chunks, UTF8String given, Policy policy) {
    for (Chunk chunk : chunks) {
      for (Operation operation : chunk.operations) {
        if (operation.drops() && operation.applied) {
          drop(Names.DROP_DOC);
          return;
        }
      }
    }
    if (text != given && wordsAfter == 0) { // no words is blank
      drop(Names.NOTHING_LEFT);
    } else if (wordsAfter < policy.minWords()) {
      drop(Names.TOO_FEW_WORDS);
    } else if (wordsAfter < policy.minKeptShare() * wordsBefore) {
      drop(Names.TOO_LITTLE_KEPT);
    } else {
      outcome = text == given ? Names.KEPT : Names.EDITED;
    }
  }

  private void drop(UTF8String why) {
    text = null;
    outcome = Names.DROPPED;
    reason = why;
    wordsAfter = 0;
  }
}
