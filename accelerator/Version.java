package prox_spark;

import org.apache.spark.sql.connector.catalog.functions.BoundFunction;
import org.apache.spark.sql.connector.catalog.functions.ScalarFunction;
import org.apache.spark.sql.connector.catalog.functions.UnboundFunction;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.types.UTF8String;

/** `version()`: the version of prox_spark that this was built for; another one may execute programs otherwise. */
public final class Version implements UnboundFunction, ScalarFunction<UTF8String> {
  /** Is called by Spark, which finds it by its name. */
  public UTF8String invoke() {
    return UTF8String.fromString(Tables.VERSION);
  }

  @Override
  public BoundFunction bind(StructType given) {
    return this;
  }

  @Override
  public String name() {
    return "version";
  }

  @Override
  public String description() {
    return "version()";
  }

  @Override
  public DataType[] inputTypes() {
    return new DataType[0];
  }

  @Override
  public DataType resultType() {
    return DataTypes.StringType;
  }
}
