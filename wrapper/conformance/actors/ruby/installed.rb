# frozen_string_literal: true

# The libraries that do not come with Ruby, one function each: from a Call to what came back.
