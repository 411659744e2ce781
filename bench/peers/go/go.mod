module millpool/bench/peers

go 1.18
