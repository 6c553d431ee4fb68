package prox_spark;

import org.apache.spark.unsafe.types.UTF8String;

/** One chunk's program, and its execution inside the chunk's own lines. */
final class Chunk {
  final Integer index, lineStart, lineEnd;
  final Operation[] operations;
  private final int problems;
  private boolean keeps, drops, edits;

  private byte[] text;
  private Lines lines;
  private int first, last;
  private Places places;
  private Boolean reserved;

  Chunk(Integer index, Integer lineStart, Integer lineEnd, Operation[] operations, int problems) {
    this.index = index;
    this.lineStart = lineStart;
    this.lineEnd = lineEnd;
    this.operations = operations;
    this.problems = problems;
    for (Operation operation : operations) {
      keeps |= operation.keeps();
      drops |= operation.drops();
      edits |= operation.edits();
    }
  }

  boolean keeps() {
    return keeps;
  }

  boolean drops() {
    return drops;
  }

  /** Says whether the program needs lines to look at: a program that keeps the chunk edits nothing. */
  boolean needsLines() {
    return edits && !keeps;
  }

  /** Gives the places that are replaced once the program has been judged; null where nothing is. */
  Places places() {
    return places;
  }

  /** Gives the last line of what an applied remove_lines removes. */
  int lastRemoved(Operation operation) {
    return Math.min(operation.lineEnd, last);
  }

  /** Decides the fate of every operation; `lines` is null for a text in which no chunk needs them. */
  void judge(byte[] text, Lines lines, Policy policy) {
    this.text = text;
    this.lines = lines;
    int end = (lines == null ? 0 : lines.count()) - 1;
    first = lineStart == null ? 0 : Math.max(0, lineStart);
    last = lineEnd == null ? end : Math.min(end, lineEnd);
    int wrong = problems;
    for (Operation operation : operations) {
      operation.applied = true;
      UTF8String refused = refusal(operation, policy);
      if (refused != null) {
        operation.reject(refused);
        wrong++;
      }
    }
    if (wrong > policy.maxRejectedShare() * (problems + operations.length)) {
      places = null;
      for (Operation operation : operations) {
        operation.reject(operation.applied ? Names.MOSTLY_REJECTED : operation.reason);
      }
    }
  }

  /** Executes one operation, or gives the reason for not doing so. */
  private UTF8String refusal(Operation operation, Policy policy) {
    if (operation.keeps()) {
      return null;
    }
    if (operation.drops()) {
      return lineStart != null ? Names.WRONG_LEVEL : keeps || edits ? Names.CONTRADICTION : null;
    }
    if (!operation.edits()) {
      return Names.WRONG_LEVEL;
    }
    if (keeps) {
      return Names.CONTRADICTION;
    }
    return operation.removes() ? remove(operation) : normalize(operation, policy);
  }

  private UTF8String remove(Operation operation) {
    Integer start = operation.lineStart, end = operation.lineEnd;
    if (start == null || end == null || start > end || start < first || start > last) {
      return Names.OUTSIDE_CHUNK;
    }
    int clipped = lastRemoved(operation);
    operation.reason = clipped < end ? Names.CLIPPED : null;
    operation.found = clipped - start + 1;
    operation.wordsRemoved = lines.words(start, clipped);
    return null;
  }

  private UTF8String normalize(Operation operation, Policy policy) {
    byte[] source = bytes(operation.source), target = bytes(operation.target);
    int words = Words.count(source, true);
    if (words == 0) {
      return Names.BLANK_SOURCE;
    }
    int characters = Characters.count(source);
    if (characters < policy.minSourceChars()) {
      return Names.SHORT_SOURCE;
    }
    if (breaksLine(source) || breaksLine(target)) {
      return Names.SPANS_LINES;
    }
    if (Characters.count(target) > policy.maxGrowth() * characters) {
      return Names.GROWS;
    }
    if (isReserved(source) || isReserved(target) || isReserved()) {
      return Names.RESERVED_CHARACTER;
    }
    if (places == null) {
      places = new Places(text, start(), end());
    }
    int found = places.replace(source, target, policy.maxMatches());
    if (found > 0) {
      operation.found = found;
      operation.wordsRemoved = found * Math.max(0, words - Words.count(target, true));
      return null;
    }
    return switch (found) {
      case Places.NOT_FOUND -> Names.NOT_FOUND;
      case Places.INSIDE_WORD -> Names.INSIDE_WORD;
      default -> Names.TOO_MANY_MATCHES;
    };
  }

  private int start() {
    return first <= last ? lines.start(first) : 0;
  }

  private int end() {
    return first <= last ? lines.end(last) : 0;
  }

  private boolean isReserved() {
    if (reserved == null) {
      reserved = Characters.holdsReserved(text, start(), end());
    }
    return reserved;
  }

  private static boolean isReserved(byte[] string) {
    return Characters.holdsReserved(string, 0, string.length);
  }

  private static boolean breaksLine(byte[] string) {
    for (byte one : string) {
      if (one == '\n' || one == '\r') {
        return true;
      }
    }
    return false;
  }

  private static byte[] bytes(UTF8String string) {
    return string == null ? new byte[0] : string.getBytes();
  }
}
