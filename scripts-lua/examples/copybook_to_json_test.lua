local test = require "test"

test.case("a file of EBCDIC records becomes one document an order", function()
  local out = test.run("translate", "copybook_to_json_samples/orders.dat")
  test.equal(#out.results, 2)
  test.matches_file(out.results[1].body, "copybook_to_json_samples/first.json")
  test.equal(out.results[2].filename, "4712.json")
  test.equal(#out.results[2].json.order_lines, 1)
end)

test.case("what is written is what was read", function()
  local bytes = test.read("copybook_to_json_samples/orders.dat")
  local first = test.run("translate", "copybook_to_json_samples/orders.dat").results[1].body
  local back = test.run_text("request", first)
  test.equal(back.body, bytes:sub(1, #back.body))
end)

test.case("a record that is cut is rejected with its place", function()
  local bytes = test.read("copybook_to_json_samples/orders.dat")
  test.rejected(test.run_text("translate", bytes:sub(1, -3)), "record 2, /order_lines/1/unit_price (byte 40)")
end)

test.case("letters in an amount are rejected with the field", function()
  local bytes = test.read("copybook_to_json_samples/orders.dat")
  test.rejected(test.run_text("translate", bytes:sub(1, 18) .. "\xC1\xC2\xC3\xC4\xC5" .. bytes:sub(24)),
    "record 1, /total_amount (byte 19): is not a packed number")
end)
