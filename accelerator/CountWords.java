package prox_spark;

import org.apache.spark.sql.connector.catalog.functions.BoundFunction;
import org.apache.spark.sql.connector.catalog.functions.ScalarFunction;
import org.apache.spark.sql.connector.catalog.functions.UnboundFunction;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.types.UTF8String;

/** `count_words(text STRING, strict BOOLEAN)`: the words of a text; NULL for NULL. */
public final class CountWords implements UnboundFunction, ScalarFunction<Integer> {
  /** Is called by Spark, which finds it by its name. */
  public Integer invoke(UTF8String text, boolean strict) {
    return text == null ? null : (Integer) Words.count(text.getBytes(), strict);
  }

  @Override
  public BoundFunction bind(StructType given) {
    return this;
  }

  @Override
  public String name() {
    return "count_words";
  }

  @Override
  public String description() {
    return "count_words(text STRING, strict BOOLEAN)";
  }

  @Override
  public DataType[] inputTypes() {
    return new DataType[] {DataTypes.StringType, DataTypes.BooleanType};
  }

  @Override
  public DataType resultType() {
    return DataTypes.IntegerType;
  }
}
