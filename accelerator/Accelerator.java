package prox_spark;

import java.util.Map;
import org.apache.spark.sql.catalyst.analysis.NoSuchFunctionException;
import org.apache.spark.sql.connector.catalog.FunctionCatalog;
import org.apache.spark.sql.connector.catalog.Identifier;
import org.apache.spark.sql.connector.catalog.functions.UnboundFunction;
import org.apache.spark.sql.util.CaseInsensitiveStringMap;

/**
 * The catalog of the compiled functions. A function of a catalog is handed Spark's own values, where a Java UDF would
 * have every struct of a program converted to a Row and back.
 */
public final class Accelerator implements FunctionCatalog {
  private static final Map<String, UnboundFunction> FUNCTIONS =
      Map.of("execute", new ExecuteFunction.Unbound(), "count_words", new CountWords(), "version", new Version());

  private String name;

  @Override
  public void initialize(String name, CaseInsensitiveStringMap options) {
    this.name = name;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public Identifier[] listFunctions(String[] namespace) {
    return FUNCTIONS.keySet().stream().sorted().map(it -> Identifier.of(namespace, it)).toArray(Identifier[]::new);
  }

  @Override
  public UnboundFunction loadFunction(Identifier identifier) throws NoSuchFunctionException {
    UnboundFunction found = FUNCTIONS.get(identifier.name());
    if (found == null || identifier.namespace().length > 0) {
      throw new NoSuchFunctionException(identifier);
    }
    return found;
  }
}
