package prox_spark;

import org.apache.spark.sql.connector.catalog.functions.BoundFunction;
import org.apache.spark.sql.connector.catalog.functions.ScalarFunction;
import org.apache.spark.sql.connector.catalog.functions.UnboundFunction;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructType;

/** A function whose types are always the same; what it does is its method `invoke`, which Spark finds by its name. */
abstract class FixedFunction<T> implements UnboundFunction, ScalarFunction<T> {
  private final String name, description;
  private final DataType result;
  private final DataType[] inputs;

  FixedFunction(String name, String description, DataType result, DataType... inputs) {
    this.name = name;
    this.description = description;
    this.result = result;
    this.inputs = inputs;
  }

  @Override
  public BoundFunction bind(StructType given) {
    return this;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public String description() {
    return description;
  }

  @Override
  public DataType[] inputTypes() {
    return inputs;
  }

  @Override
  public DataType resultType() {
    return result;
  }
}
