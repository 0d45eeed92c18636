package api

func (s *Server) routes() {
	s.healthRoutes()
	app := s.router
	app.Post("/orders", s.createOrder)
	app.Get("/orders", s.listOrders)
	app.Stream("/orders/events", s.inTurn(s.userEvents)) // before :id
	app.Get("/orders/:id", s.getOrder)
	app.Stream("/orders/:id/events", s.inTurn(s.orderEvents))
	app.Get("/orders/:id/timeline", s.timeline)
	app.Post("/orders/:id/cancel", s.cancelOrder)
	app.Post("/orders/:id/payment-success", s.paymentSuccess)
	app.Post("/orders/:id/payment-failure", s.paymentFailure)
	app.Get("/products", s.listProducts)
	app.Get("/products/:id", s.getProduct)
	app.Get("/admin/products/:id", s.adminProduct)
	app.Put("/admin/products/:id", s.putProduct)
	app.Post("/admin/products/:id/restock", s.restock)
	app.Stream("/board/events", s.boardEvents)
	app.Get("/problems/:code", s.describe)
	if s.cfg.DevLogin {
		app.Post("/dev/login", s.devLogin)
	}
	if s.cfg.Sandbox {
		app.Get("/sandbox/pay", s.sandboxPage)
		app.Post("/sandbox/pay", s.sandboxPay)
	}
	s.pages()
}

func (s *Server) healthRoutes() {
	app := s.router
	app.Get("/livez", s.livez)
	app.Get("/readyz", s.readyz)
}
