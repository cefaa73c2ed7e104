local test = require "test"

test.case("an 850 becomes a row a line", function()
  local out = test.run("translate", "order_json_to_850_samples/order.x12")
  test.matches_file(out.body, "x850_to_csv_samples/order.csv")
  test.equal(out.results[1].filename, "ORD4711.csv")
end)

test.case("an order without lines is rejected", function()
  local text = test.read("order_json_to_850_samples/order.x12"):gsub("PO1%*[^~]*~\n", ""):gsub("PID%*[^~]*~\n", "")
  test.rejected(test.run_text("translate", text), "an order without lines")
end)

test.case("what is no EDI is rejected", function()
  test.rejected(test.run_text("translate", "hello"), "not readable EDI")
end)
