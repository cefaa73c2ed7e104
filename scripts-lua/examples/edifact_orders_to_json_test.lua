local test = require "test"

test.case("an ORDERS becomes JSON", function()
  local out = test.run("translate", "edifact_orders_to_json_samples/orders.edi")
  test.matches_file(out.body, "edifact_orders_to_json_samples/orders.json")
  test.equal(out.json.lines[1].sku, "SKU-1")
  test.equal(out.json.buyer.id, "5412345000013")
end)

test.case("a quantity that is no number is rejected with its segment", function()
  local text = test.read("edifact_orders_to_json_samples/orders.edi"):gsub("QTY%+21:120", "QTY+21:many")
  local out = test.run_text("translate", text)
  test.rejected(out, "'many' is not a number")
  test.equal(out.rejected.segment, "QTY")
end)
