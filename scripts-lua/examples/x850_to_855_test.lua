local test = require "test"

test.case("every line of an order is accepted", function()
  local out = test.run("translate", "order_json_to_850_samples/order.x12")
  test.matches_file(out.body, "x850_to_855_samples/answer.x12")
  test.equal(out.edi.type, "855")
  test.equal(out.edi:text("BAK", 3), "4711")
end)

test.case("an order without a number is rejected", function()
  local text = test.read("order_json_to_850_samples/order.x12"):gsub("BEG%*00%*SA%*4711", "BEG*00*SA*")
  test.rejected(test.run_text("translate", text), "BEG03 is missing")
end)
