package prox_spark;

import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.unsafe.types.UTF8String;

/** `count_words(text STRING, strict BOOLEAN)`: the words of a text; NULL for NULL. */
public final class CountWords extends FixedFunction<Integer> {
  CountWords() {
    super(
        "count_words",
        "count_words(text STRING, strict BOOLEAN)",
        DataTypes.IntegerType,
        DataTypes.StringType,
        DataTypes.BooleanType);
  }

  /** Is called by Spark, which finds it by its name. */
  public Integer invoke(UTF8String text, boolean strict) {
    return text == null ? null : (Integer) Words.count(text.getBytes(), strict);
  }
}
