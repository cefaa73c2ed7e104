local test = require "test"

test.case("accepted lines become rows", function()
  local out = test.run("translate", "x850_to_855_samples/answer.x12")
  test.matches_file(out.body, "x855_to_csv_samples/answer.csv")
  test.equal(out.results[1].filename, "4711.csv")
  test.equal(out.results[1].keys, {po = "4711"})
end)

test.case("a line may be split, and an unknown word falls back on the order's", function()
  local out = test.run("translate", "x855_to_csv_samples/split.x12")
  test.matches_file(out.body, "x855_to_csv_samples/split.csv")
end)

test.case("an answer without lines is one row", function()
  local out = test.run("translate", "x855_to_csv_samples/rejected.x12")
  test.equal(out.body, "po;status;line;sku;quantity;unit;ship_date\n4712;rejected;;;;;\n")
end)
