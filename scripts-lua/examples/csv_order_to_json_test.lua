local test = require "test"

test.case("the ERP's rows become one order", function()
  local out = test.run("response", "x855_to_csv_samples/answer.csv", {status = 200})
  test.equal(out.json.number, "4711")
  test.equal(out.json.status, "accepted")
  test.equal(#out.json.lines, 2)
  test.matches_file(out.body, "csv_order_to_json_samples/answer.json")
end)

test.case("lines of different status make a mixed order", function()
  local out = test.run("response", "x855_to_csv_samples/split.csv", {status = 200})
  test.equal(out.json.status, "mixed")
  test.equal(out.json.lines[2].status, "backordered")
end)

test.case("an order without lines is not found", function()
  local out = test.run_text("response", "po;status;line;sku;quantity;unit;ship_date\n", {status = 200})
  test.equal(out.results[1].status, 404)
end)

test.case("an answer that is no success passes", function()
  test.ok(test.run_text("response", "gone", {status = 404}).passed)
end)

test.case("a broken file is rejected with its line", function()
  test.rejected(test.run_text("response", 'po;status\n1;"x', {status = 200}), "line 2: a quote is opened and never closed")
end)
