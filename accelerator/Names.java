package prox_spark;

import org.apache.spark.unsafe.types.UTF8String;

/** The names of operations, outcomes and reasons, as prox_spark.program.operations lists them. */
final class Names {
  static final UTF8String KEEP_DOC = of("keep_doc"), KEEP_CHUNK = of("keep_chunk"), DROP_DOC = of("drop_doc");
  static final UTF8String REMOVE_LINES = of("remove_lines"), NORMALIZE = of("normalize");

  static final UTF8String APPLIED = of("applied"), REJECTED = of("rejected");
  static final UTF8String KEPT = of("kept"), EDITED = of("edited"), DROPPED = of("dropped");

  static final UTF8String OUTSIDE_CHUNK = of("outside_chunk"), WRONG_LEVEL = of("wrong_level");
  static final UTF8String CONTRADICTION = of("contradiction"), CLIPPED = of("clipped");
  static final UTF8String BLANK_SOURCE = of("blank_source"), SHORT_SOURCE = of("short_source");
  static final UTF8String SPANS_LINES = of("spans_lines"), GROWS = of("grows");
  static final UTF8String RESERVED_CHARACTER = of("reserved_character"), NOT_FOUND = of("not_found");
  static final UTF8String INSIDE_WORD = of("inside_word"), TOO_MANY_MATCHES = of("too_many_matches");
  static final UTF8String MOSTLY_REJECTED = of("mostly_rejected");

  static final UTF8String NOTHING_LEFT = of("nothing_left"), TOO_FEW_WORDS = of("too_few_words");
  static final UTF8String TOO_LITTLE_KEPT = of("too_little_kept"), UNKNOWN_ANSWER = of("unknown_answer");

  private Names() {}

  private static UTF8String of(String name) {
    return UTF8String.fromString(name);
  }
}
