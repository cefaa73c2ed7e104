local test = require "test"

test.case("an order becomes an 850", function()
  local out = test.run("request", "order_json_to_850_samples/order.json", {method = "POST", path = "/orders"})
  test.matches_file(out.body, "order_json_to_850_samples/order.x12")
  test.equal(out.results[1].keys, {po = "4711"})
  test.equal(out.results[1].vars, {number = "4711"})
  test.equal(out.results[1].content_type, "application/edi-x12")
end)

test.case("prices keep their digits", function()
  local out = test.run("translate", "order_json_to_850_samples/order.json")
  local prices = {}
  for line in out.edi:loops("PO1") do prices[#prices + 1] = tostring(line:decimal("PO1", 4)) end
  test.equal(prices, {"9.25", "100.00"})
end)

test.case("a faulty order is rejected with the path of what is wrong", function()
  local faults = {
    {'{"date":"2026-11-23","lines":[]}', "/number is missing"},
    {'{"number":"1","date":"23.11.2026","lines":[]}', "/date is not a date"},
    {'{"number":"1","date":"2026-11-23","lines":[]}', "/lines is empty"},
    {'{"number":"1","date":"2026-11-23","lines":[{"quantity":1}]}', "/lines/1/sku is missing"},
    {'{"number":"1","date":"2026-11-23","lines":[{"sku":"A","quantity":0}]}', "/lines/1/quantity is not greater than 0"},
    {'{"number":"1","date":"2026-11-23","lines":[{"sku":"A","quantity":"x"}]}', "/lines/1/quantity is not a number"},
    {'[1]', " is not an object"},
    {'{"number":', "not valid JSON: line 1, column 11"},
  }
  for _, fault in ipairs(faults) do test.rejected(test.run_text("request", fault[1]), fault[2]) end
end)
