-- The tests beside a script: save as NAME_test.lua and run `banyan script test`.

local test = require "test"

test.case("a message goes through", function()
  local out = test.run_text("translate", "hello", {filename = "hello.txt"})
  test.equal(out.body, "hello")
  test.equal(out.results[1].filename, "hello.txt")
end)
