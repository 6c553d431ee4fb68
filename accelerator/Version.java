package prox_spark;

import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.unsafe.types.UTF8String;

/** `version()`: the version of prox_spark that this was built for; another one may execute programs otherwise. */
public final class Version extends FixedFunction<UTF8String> {
  Version() {
    super("version", "version()", DataTypes.StringType);
  }

  /** Is called by Spark, which finds it by its name. */
  public UTF8String invoke() {
    return UTF8String.fromString(Tables.VERSION);
  }
}
