"""The world of `simulate`: a faulty broker, faulty processes, and what must hold in spite of them."""
