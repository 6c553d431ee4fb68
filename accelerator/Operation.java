package prox_spark;

import org.apache.spark.unsafe.types.UTF8String;

/** One operation of a chunk's program and, as the execution goes on, its fate. A field that is NULL is null here. */
final class Operation {
  final UTF8String name, source, target;
  final Integer lineStart, lineEnd;

  UTF8String reason;
  int found;
  int wordsRemoved;
  boolean applied;

  Operation(UTF8String name, Integer lineStart, Integer lineEnd, UTF8String source, UTF8String target) {
    this.name = name;
    this.lineStart = lineStart;
    this.lineEnd = lineEnd;
    this.source = source;
    this.target = target;
  }

  boolean keeps() {
    return Names.KEEP_DOC.equals(name) || Names.KEEP_CHUNK.equals(name);
  }

  boolean drops() {
    return Names.DROP_DOC.equals(name);
  }

  boolean removes() {
    return Names.REMOVE_LINES.equals(name);
  }

  boolean normalizes() {
    return Names.NORMALIZE.equals(name);
  }

  boolean edits() {
    return removes() || normalizes();
  }

  void reject(UTF8String why) {
    reason = why;
    found = 0;
    wordsRemoved = 0;
    applied = false;
  }
}
